#ifdef PEG
struct T_SRC {
	char *fl; int ln;
} T_SRC[NTRANS];

void
tr_2_src(int m, char *file, int ln)
{	T_SRC[m].fl = file;
	T_SRC[m].ln = ln;
}

void
putpeg(int n, int m)
{	printf("%5d	trans %4d ", m, n);
	printf("%s:%d\n",
		T_SRC[n].fl, T_SRC[n].ln);
}
#else
#define tr_2_src(m,f,l)
#endif

void
settable(void)
{	Trans *T;
	Trans *settr(int, int, int, int, int, char *, int, int, int);

	trans = (Trans ***) emalloc(2*sizeof(Trans **));

	/* proctype 0: world */

	trans[0] = (Trans **) emalloc(575*sizeof(Trans *));

		tr_2_src(3, "view.pml", 308);
/*->*/	trans[0][25]	= settr(24,32,571,3,3,"D_STEP308", 1, 2, 0);
	trans[0][572]	= settr(571,0,571,1,0,".(goto)", 0, 2, 0);
	T = trans[0][571] = settr(570,0,0,0,0,"DO", 0, 2, 0);
		/* view.pml:323 */
	T = T->nxt	= settr(570,0,362,0,0,"DO", 0, 2, 0);
		/* view.pml:323 */
	    T->nxt	= settr(570,0,570,0,0,"DO", 0, 2, 0);
		/* view.pml:323 */
	T = trans[ 0][362] = settr(361,2,0,0,0,"ATOMIC", 1, 2, 0);
		/* view.pml:324 */
	T->nxt	= settr(361,2,29,0,0,"ATOMIC", 1, 2, 0);
		/* view.pml:324 */
	T = trans[0][29] = settr(28,2,0,0,0,"IF", 1, 2, 0);
		/* view.pml:325 */
	T = T->nxt	= settr(28,2,26,0,0,"IF", 1, 2, 0);
		/* view.pml:325 */
	T = T->nxt	= settr(28,2,27,0,0,"IF", 1, 2, 0);
		/* view.pml:325 */
	    T->nxt	= settr(28,2,28,0,0,"IF", 1, 2, 0);
		/* view.pml:325 */
	trans[0][26]	= settr(25,2,34,4,4,"v = 2", 1, 2, 0);
		tr_2_src(4, "view.pml", 326);
	trans[0][30]	= settr(29,2,34,1,0,".(goto)", 1, 2, 0);
	trans[0][27]	= settr(26,2,34,5,5,"v = 3", 1, 2, 0);
		tr_2_src(5, "view.pml", 328);
	trans[0][28]	= settr(27,2,34,6,6,"v = 4", 1, 2, 0);
		tr_2_src(6, "view.pml", 331);
	T = trans[0][34] = settr(33,2,0,0,0,"IF", 1, 2, 0);
		/* view.pml:337 */
	T = T->nxt	= settr(33,2,31,0,0,"IF", 1, 2, 0);
		/* view.pml:337 */
	T = T->nxt	= settr(33,2,32,0,0,"IF", 1, 2, 0);
		/* view.pml:337 */
	    T->nxt	= settr(33,2,33,0,0,"IF", 1, 2, 0);
		/* view.pml:337 */
	trans[0][31]	= settr(30,2,358,7,7,"m = 0", 1, 2, 0);
		tr_2_src(7, "view.pml", 338);
	trans[0][35]	= settr(34,2,358,1,0,".(goto)", 1, 2, 0);
	trans[0][32]	= settr(31,2,358,8,8,"m = 1", 1, 2, 0);
		tr_2_src(8, "view.pml", 339);
	trans[0][33]	= settr(32,2,358,9,9,"m = 2", 1, 2, 0);
		tr_2_src(9, "view.pml", 340);
	T = trans[0][358] = settr(357,2,0,0,0,"IF", 1, 2, 0);
		/* view.pml:342 */
	T = T->nxt	= settr(357,2,36,0,0,"IF", 1, 2, 0);
		/* view.pml:342 */
	T = T->nxt	= settr(357,2,46,0,0,"IF", 1, 2, 0);
		/* view.pml:342 */
	T = T->nxt	= settr(357,2,55,0,0,"IF", 1, 2, 0);
		/* view.pml:342 */
	T = T->nxt	= settr(357,2,58,0,0,"IF", 1, 2, 0);
		/* view.pml:342 */
	T = T->nxt	= settr(357,2,60,0,0,"IF", 1, 2, 0);
		/* view.pml:342 */
	T = T->nxt	= settr(357,2,69,0,0,"IF", 1, 2, 0);
		/* view.pml:342 */
	T = T->nxt	= settr(357,2,165,0,0,"IF", 1, 2, 0);
		/* view.pml:342 */
	T = T->nxt	= settr(357,2,261,0,0,"IF", 1, 2, 0);
		/* view.pml:342 */
	    T->nxt	= settr(357,2,357,0,0,"IF", 1, 2, 0);
		/* view.pml:342 */
	trans[0][36]	= settr(35,2,44,10,0,"((((((( (((v%2)==1)) -> (0) : (1) )==m)||((0==6)&&(m!=2)))&&(v>agreed[m]))&&(v>( ((formed[m]>region[m])) -> (formed[m]) : (region[m]) )))&&((0==11)||((!(held[m])&&((promised[m]==0)||(primary[promised[m]]==m)))&&!(((lease[m]&&(((view[m]!=0)&&(fence[m]<=view[m]))&&(primary[view[m]]==m)))&&(m!=m)))))))", 1, 2, 0);
		tr_2_src(10, "view.pml", 345);
	T = trans[ 0][44] = settr(43,0,0,0,0,"sub-sequence", 1, 2, 0);
		/* view.pml:105 */
	T->nxt	= settr(43,0,37,0,0,"sub-sequence", 1, 2, 0);
		/* view.pml:105 */
	trans[0][37]	= settr(36,2,38,11,11,"fence[m] = v", 1, 2, 0);
		tr_2_src(11, "view.pml", 106);
	trans[0][38]	= settr(37,2,39,12,12,"lease[m] = 0", 1, 2, 0);
		tr_2_src(12, "view.pml", 107);
	trans[0][39]	= settr(38,2,40,13,13,"serving[m] = 0", 1, 2, 0);
		tr_2_src(13, "view.pml", 108);
	trans[0][40]	= settr(39,2,41,14,14,"half[m] = 0", 1, 2, 0);
		tr_2_src(14, "view.pml", 109);
	trans[0][41]	= settr(40,2,42,15,15,"agreed[m] = v", 1, 2, 0);
		tr_2_src(15, "view.pml", 110);
	trans[0][42]	= settr(41,2,43,16,16,"bound[m] = v", 1, 2, 0);
		tr_2_src(16, "view.pml", 111);
	trans[0][43]	= settr(42,2,45,17,17,"checked[m] = 0", 1, 2, 0);
		tr_2_src(17, "view.pml", 112);
	trans[0][45]	= settr(44,2,360,18,18,"proposed[v] = 1", 1, 2, 0);
		tr_2_src(18, "view.pml", 347);
	trans[0][359]	= settr(358,2,360,1,0,".(goto)", 1, 2, 0);
	trans[0][46]	= settr(45,2,54,19,0,"((((((proposed[v]&&(( (((v%2)==1)) -> (0) : (1) )!=m))&&((v>agreed[m])||((0==6)&&(v==agreed[m]))))&&(0!=9))&&(0!=10))&&((0==11)||((!(held[m])&&((promised[m]==0)||(primary[promised[m]]==( (((v%2)==1)) -> (0) : (1) ))))&&!(((lease[m]&&(((view[m]!=0)&&(fence[m]<=view[m]))&&(primary[view[m]]==m)))&&(( (((v%2)==1)) -> (0) : (1) )!=m)))))))", 1, 2, 0);
		tr_2_src(19, "view.pml", 351);
	T = trans[ 0][54] = settr(53,0,0,0,0,"sub-sequence", 1, 2, 0);
		/* view.pml:105 */
	T->nxt	= settr(53,0,47,0,0,"sub-sequence", 1, 2, 0);
		/* view.pml:105 */
	trans[0][47]	= settr(46,2,48,20,20,"fence[m] = v", 1, 2, 0);
		tr_2_src(20, "view.pml", 106);
	trans[0][48]	= settr(47,2,49,21,21,"lease[m] = 0", 1, 2, 0);
		tr_2_src(21, "view.pml", 107);
	trans[0][49]	= settr(48,2,50,22,22,"serving[m] = 0", 1, 2, 0);
		tr_2_src(22, "view.pml", 108);
	trans[0][50]	= settr(49,2,51,23,23,"half[m] = 0", 1, 2, 0);
		tr_2_src(23, "view.pml", 109);
	trans[0][51]	= settr(50,2,52,24,24,"agreed[m] = v", 1, 2, 0);
		tr_2_src(24, "view.pml", 110);
	trans[0][52]	= settr(51,2,53,25,25,"bound[m] = v", 1, 2, 0);
		tr_2_src(25, "view.pml", 111);
	trans[0][53]	= settr(52,2,360,26,26,"checked[m] = 0", 1, 2, 0);
		tr_2_src(26, "view.pml", 112);
	trans[0][55]	= settr(54,2,56,27,0,"((((0==9)&&proposed[v])&&((v>agreed[m])||((0==6)&&(v==agreed[m])))))", 1, 2, 0);
		tr_2_src(27, "view.pml", 353);
	trans[0][56]	= settr(55,2,57,28,28,"agreed[m] = v", 1, 2, 0);
		tr_2_src(28, "view.pml", 354);
	trans[0][57]	= settr(56,2,360,29,29,"bound[m] = v", 1, 2, 0);
		tr_2_src(29, "view.pml", 355);
	trans[0][58]	= settr(57,2,59,30,0,"((((((0==10)&&proposed[v])&&((v>agreed[m])||((0==6)&&(v==agreed[m]))))&&(checked[m]!=v))&&((0==11)||((!(held[m])&&((promised[m]==0)||(primary[promised[m]]==( (((v%2)==1)) -> (0) : (1) ))))&&!(((lease[m]&&(((view[m]!=0)&&(fence[m]<=view[m]))&&(primary[view[m]]==m)))&&(( (((v%2)==1)) -> (0) : (1) )!=m)))))))", 1, 2, 0);
		tr_2_src(30, "view.pml", 357);
	trans[0][59]	= settr(58,2,360,31,31,"checked[m] = v", 1, 2, 0);
		tr_2_src(31, "view.pml", 358);
	trans[0][60]	= settr(59,2,68,32,0,"(((((0==10)&&proposed[v])&&((v>agreed[m])||((0==6)&&(v==agreed[m]))))&&(checked[m]==v)))", 1, 2, 0);
		tr_2_src(32, "view.pml", 359);
	T = trans[ 0][68] = settr(67,0,0,0,0,"sub-sequence", 1, 2, 0);
		/* view.pml:105 */
	T->nxt	= settr(67,0,61,0,0,"sub-sequence", 1, 2, 0);
		/* view.pml:105 */
	trans[0][61]	= settr(60,2,62,33,33,"fence[m] = v", 1, 2, 0);
		tr_2_src(33, "view.pml", 106);
	trans[0][62]	= settr(61,2,63,34,34,"lease[m] = 0", 1, 2, 0);
		tr_2_src(34, "view.pml", 107);
	trans[0][63]	= settr(62,2,64,35,35,"serving[m] = 0", 1, 2, 0);
		tr_2_src(35, "view.pml", 108);
	trans[0][64]	= settr(63,2,65,36,36,"half[m] = 0", 1, 2, 0);
		tr_2_src(36, "view.pml", 109);
	trans[0][65]	= settr(64,2,66,37,37,"agreed[m] = v", 1, 2, 0);
		tr_2_src(37, "view.pml", 110);
	trans[0][66]	= settr(65,2,67,38,38,"bound[m] = v", 1, 2, 0);
		tr_2_src(38, "view.pml", 111);
	trans[0][67]	= settr(66,2,360,39,39,"checked[m] = 0", 1, 2, 0);
		tr_2_src(39, "view.pml", 112);
	trans[0][69]	= settr(68,2,164,40,40,"(((((!(decided[v])||(0==6))&&(m==( (((v%2)==1)) -> (0) : (1) )))&&(bound[m]==v))&&(bound[(1-m)]==v)))", 1, 2, 0);
		tr_2_src(40, "view.pml", 363);
	T = trans[ 0][164] = settr(163,0,0,0,0,"sub-sequence", 1, 2, 0);
		/* view.pml:168 */
	T->nxt	= settr(163,0,163,0,0,"sub-sequence", 1, 2, 0);
		/* view.pml:168 */
		tr_2_src(41, "view.pml", 169);
/*->*/	trans[0][163]	= settr(162,34,360,41,41,"D_STEP169", 1, 2, 0);
	trans[0][165]	= settr(164,2,260,42,42,"(((((!(decided[v])||(0==6))&&(m==( (((v%2)==1)) -> (0) : (1) )))&&(bound[m]==v))&&(bound[2]==v)))", 1, 2, 0);
		tr_2_src(42, "view.pml", 366);
	T = trans[ 0][260] = settr(259,0,0,0,0,"sub-sequence", 1, 2, 0);
		/* view.pml:168 */
	T->nxt	= settr(259,0,259,0,0,"sub-sequence", 1, 2, 0);
		/* view.pml:168 */
		tr_2_src(43, "view.pml", 169);
/*->*/	trans[0][259]	= settr(258,34,360,43,43,"D_STEP169", 1, 2, 0);
	trans[0][261]	= settr(260,2,356,44,44,"((((((!(decided[v])||(0==6))&&(m==( (((v%2)==1)) -> (0) : (1) )))&&(bound[0]==v))&&(bound[1]==v))&&(bound[2]==v)))", 1, 2, 0);
		tr_2_src(44, "view.pml", 369);
	T = trans[ 0][356] = settr(355,0,0,0,0,"sub-sequence", 1, 2, 0);
		/* view.pml:168 */
	T->nxt	= settr(355,0,355,0,0,"sub-sequence", 1, 2, 0);
		/* view.pml:168 */
		tr_2_src(45, "view.pml", 169);
/*->*/	trans[0][355]	= settr(354,34,360,45,45,"D_STEP169", 1, 2, 0);
	trans[0][357]	= settr(356,2,360,2,0,"else", 1, 2, 0);
	trans[0][360]	= settr(359,2,361,46,46,"m = 0", 1, 2, 0);
		tr_2_src(46, "view.pml", 373);
	trans[0][361]	= settr(360,0,571,47,47,"v = 0", 1, 2, 0);
		tr_2_src(47, "view.pml", 373);
	T = trans[ 0][570] = settr(569,2,0,0,0,"ATOMIC", 1, 2, 0);
		/* view.pml:375 */
	T->nxt	= settr(569,2,366,0,0,"ATOMIC", 1, 2, 0);
		/* view.pml:375 */
	T = trans[0][366] = settr(365,2,0,0,0,"IF", 1, 2, 0);
		/* view.pml:376 */
	T = T->nxt	= settr(365,2,363,0,0,"IF", 1, 2, 0);
		/* view.pml:376 */
	T = T->nxt	= settr(365,2,364,0,0,"IF", 1, 2, 0);
		/* view.pml:376 */
	    T->nxt	= settr(365,2,365,0,0,"IF", 1, 2, 0);
		/* view.pml:376 */
	trans[0][363]	= settr(362,2,368,48,48,"m = 0", 1, 2, 0);
		tr_2_src(48, "view.pml", 377);
	trans[0][367]	= settr(366,2,368,1,0,".(goto)", 1, 2, 0);
	trans[0][364]	= settr(363,2,368,49,49,"m = 1", 1, 2, 0);
		tr_2_src(49, "view.pml", 378);
	trans[0][365]	= settr(364,2,368,50,50,"m = 2", 1, 2, 0);
		tr_2_src(50, "view.pml", 379);
	trans[0][368]	= settr(367,2,542,51,51,"v = view[m]", 1, 2, 0);
		tr_2_src(51, "view.pml", 381);
	T = trans[0][542] = settr(541,2,0,0,0,"IF", 1, 2, 0);
		/* view.pml:382 */
	T = T->nxt	= settr(541,2,369,0,0,"IF", 1, 2, 0);
		/* view.pml:382 */
	T = T->nxt	= settr(541,2,398,0,0,"IF", 1, 2, 0);
		/* view.pml:382 */
	T = T->nxt	= settr(541,2,404,0,0,"IF", 1, 2, 0);
		/* view.pml:382 */
	T = T->nxt	= settr(541,2,412,0,0,"IF", 1, 2, 0);
		/* view.pml:382 */
	T = T->nxt	= settr(541,2,414,0,0,"IF", 1, 2, 0);
		/* view.pml:382 */
	T = T->nxt	= settr(541,2,430,0,0,"IF", 1, 2, 0);
		/* view.pml:382 */
	T = T->nxt	= settr(541,2,432,0,0,"IF", 1, 2, 0);
		/* view.pml:382 */
	T = T->nxt	= settr(541,2,436,0,0,"IF", 1, 2, 0);
		/* view.pml:382 */
	T = T->nxt	= settr(541,2,439,0,0,"IF", 1, 2, 0);
		/* view.pml:382 */
	T = T->nxt	= settr(541,2,442,0,0,"IF", 1, 2, 0);
		/* view.pml:382 */
	T = T->nxt	= settr(541,2,444,0,0,"IF", 1, 2, 0);
		/* view.pml:382 */
	T = T->nxt	= settr(541,2,452,0,0,"IF", 1, 2, 0);
		/* view.pml:382 */
	T = T->nxt	= settr(541,2,461,0,0,"IF", 1, 2, 0);
		/* view.pml:382 */
	T = T->nxt	= settr(541,2,496,0,0,"IF", 1, 2, 0);
		/* view.pml:382 */
	    T->nxt	= settr(541,2,541,0,0,"IF", 1, 2, 0);
		/* view.pml:382 */
	trans[0][369]	= settr(368,2,397,52,0,"(((((((bound[m]!=0)&&decided[bound[m]])&&((primary[bound[m]]==m)||(backup[bound[m]]==m)))&&(agreed[m]==bound[m]))&&(formed[m]<bound[m]))&&(half[m]==0)))", 1, 2, 0);
		tr_2_src(52, "view.pml", 385);
	T = trans[ 0][397] = settr(396,0,0,0,0,"sub-sequence", 1, 2, 0);
		/* view.pml:239 */
	T->nxt	= settr(396,0,396,0,0,"sub-sequence", 1, 2, 0);
		/* view.pml:239 */
		tr_2_src(53, "view.pml", 240);
/*->*/	trans[0][396]	= settr(395,34,567,53,53,"D_STEP240", 1, 2, 0);
	trans[0][543]	= settr(542,2,567,1,0,".(goto)", 1, 2, 0);
	trans[0][398]	= settr(397,2,399,54,0,"((half[m]!=0))", 1, 2, 0);
		tr_2_src(54, "view.pml", 387);
	trans[0][399]	= settr(398,2,400,55,55,"formed[m] = half[m]", 1, 2, 0);
		tr_2_src(55, "view.pml", 388);
	trans[0][400]	= settr(399,2,401,56,56,"region[m] = half[m]", 1, 2, 0);
		tr_2_src(56, "view.pml", 389);
	trans[0][401]	= settr(400,2,402,57,57,"view[m] = half[m]", 1, 2, 0);
		tr_2_src(57, "view.pml", 390);
	trans[0][402]	= settr(401,2,403,58,58,"bound[m] = 0", 1, 2, 0);
		tr_2_src(58, "view.pml", 391);
	trans[0][403]	= settr(402,2,567,59,59,"half[m] = 0", 1, 2, 0);
		tr_2_src(59, "view.pml", 392);
	trans[0][404]	= settr(403,2,405,60,0,"((((((view[m]!=0)&&(fence[m]<=view[m]))&&(backup[view[m]]==m))&&(view[primary[v]]==v))&&(top[primary[v]]>top[m])))", 1, 2, 0);
		tr_2_src(60, "view.pml", 394);
	trans[0][405]	= settr(404,2,406,61,61,"top[m] = (top[m]+1)", 1, 2, 0);
		tr_2_src(61, "view.pml", 395);
	trans[0][406]	= settr(405,2,410,62,62,"log[((m*((2+4)+1))+top[m])] = log[((primary[v]*((2+4)+1))+top[m])]", 1, 2, 0);
		tr_2_src(62, "view.pml", 396);
	T = trans[0][410] = settr(409,2,0,0,0,"IF", 1, 2, 0);
		/* view.pml:397 */
	T = T->nxt	= settr(409,2,407,0,0,"IF", 1, 2, 0);
		/* view.pml:397 */
	    T->nxt	= settr(409,2,409,0,0,"IF", 1, 2, 0);
		/* view.pml:397 */
	trans[0][407]	= settr(406,2,408,63,0,"((0!=16))", 1, 2, 0);
		tr_2_src(63, "view.pml", 398);
	trans[0][408]	= settr(407,2,567,64,64,"wm[m] = top[m]", 1, 2, 0);
		tr_2_src(64, "view.pml", 398);
	trans[0][411]	= settr(410,2,567,1,0,".(goto)", 1, 2, 0);
	trans[0][409]	= settr(408,2,567,2,0,"else", 1, 2, 0);
	trans[0][412]	= settr(411,2,413,65,0,"(((((view[m]!=0)&&(fence[m]<=view[m]))&&(backup[view[m]]==m))&&(acked[v]<top[m])))", 1, 2, 0);
		tr_2_src(65, "view.pml", 401);
	trans[0][413]	= settr(412,2,567,66,66,"acked[v] = top[m]", 1, 2, 0);
		tr_2_src(66, "view.pml", 402);
	trans[0][414]	= settr(413,2,415,67,0,"((((((view[m]!=0)&&(fence[m]<=view[m]))&&(primary[view[m]]==m))&&(acked[v]>chosen[v]))&&(!(started[v])||(committed[acked[v]]==0))))", 1, 2, 0);
		tr_2_src(67, "view.pml", 404);
	trans[0][415]	= settr(414,2,416,68,68,"started[v] = 1", 1, 2, 0);
		tr_2_src(68, "view.pml", 405);
	trans[0][416]	= settr(415,2,429,69,69,"wm[m] = ( ((wm[m]>acked[v])) -> (wm[m]) : (acked[v]) )", 1, 2, 0);
		tr_2_src(69, "view.pml", 406);
	T = trans[ 0][429] = settr(428,0,0,0,0,"sub-sequence", 1, 2, 0);
		/* view.pml:261 */
	T->nxt	= settr(428,0,428,0,0,"sub-sequence", 1, 2, 0);
		/* view.pml:261 */
		tr_2_src(70, "view.pml", 262);
/*->*/	trans[0][428]	= settr(427,34,567,70,70,"D_STEP262", 1, 2, 0);
	trans[0][430]	= settr(429,2,431,71,71,"(((((((view[m]!=0)&&(fence[m]<=view[m]))&&(primary[view[m]]==m))&&!(serving[m]))&&lease[m])&&(started[v]||(0==7))))", 1, 2, 0);
		tr_2_src(71, "view.pml", 410);
	trans[0][431]	= settr(430,2,567,72,72,"serving[m] = 1", 1, 2, 0);
		tr_2_src(72, "view.pml", 411);
	trans[0][432]	= settr(431,2,433,73,0,"((((records<2)&&(((((view[m]!=0)&&(fence[m]<=view[m]))&&(primary[view[m]]==m))&&serving[m])&&lease[m]))&&(top[m]<(2+4))))", 1, 2, 0);
		tr_2_src(73, "view.pml", 413);
	trans[0][433]	= settr(432,2,434,74,74,"top[m] = (top[m]+1)", 1, 2, 0);
		tr_2_src(74, "view.pml", 414);
	trans[0][434]	= settr(433,2,435,75,75,"log[((m*((2+4)+1))+top[m])] = v", 1, 2, 0);
		tr_2_src(75, "view.pml", 415);
	trans[0][435]	= settr(434,2,567,76,76,"records = (records+1)", 1, 2, 0);
		tr_2_src(76, "view.pml", 416);
	trans[0][436]	= settr(435,2,437,77,0,"((((((view[m]!=0)&&(fence[m]<=view[m]))&&(backup[view[m]]==m))&&(view[primary[v]]==v))&&((promised[m]!=v)||!(answered[v]))))", 1, 2, 0);
		tr_2_src(77, "view.pml", 418);
	trans[0][437]	= settr(436,2,438,78,78,"promised[m] = v", 1, 2, 0);
		tr_2_src(78, "view.pml", 419);
	trans[0][438]	= settr(437,2,567,79,79,"answered[v] = 1", 1, 2, 0);
		tr_2_src(79, "view.pml", 420);
	trans[0][439]	= settr(438,2,440,80,0,"(((((view[m]!=0)&&(fence[m]<=view[m]))&&(primary[view[m]]==m))&&answered[v]))", 1, 2, 0);
		tr_2_src(80, "view.pml", 422);
	trans[0][440]	= settr(439,2,441,81,81,"answered[v] = 0", 1, 2, 0);
		tr_2_src(81, "view.pml", 423);
	trans[0][441]	= settr(440,2,567,82,82,"lease[m] = 1", 1, 2, 0);
		tr_2_src(82, "view.pml", 424);
	trans[0][442]	= settr(441,2,443,83,0,"(lease[m])", 1, 2, 0);
		tr_2_src(83, "view.pml", 425);
	trans[0][443]	= settr(442,2,567,84,84,"lease[m] = 0", 1, 2, 0);
		tr_2_src(84, "view.pml", 426);
	trans[0][444]	= settr(443,2,450,85,0,"(((promised[m]!=0)&&((!(lease[primary[promised[m]]])||(view[primary[promised[m]]]!=promised[m]))||(0==13))))", 1, 2, 0);
		tr_2_src(85, "view.pml", 428);
	T = trans[ 0][450] = settr(449,0,0,0,0,"sub-sequence", 1, 2, 0);
		/* view.pml:295 */
	T->nxt	= settr(449,0,448,0,0,"sub-sequence", 1, 2, 0);
		/* view.pml:295 */
	T = trans[0][448] = settr(447,2,0,0,0,"IF", 1, 2, 0);
		/* view.pml:296 */
	T = T->nxt	= settr(447,2,445,0,0,"IF", 1, 2, 0);
		/* view.pml:296 */
	    T->nxt	= settr(447,2,447,0,0,"IF", 1, 2, 0);
		/* view.pml:296 */
	trans[0][445]	= settr(444,2,446,86,0,"((0!=12))", 1, 2, 0);
		tr_2_src(86, "view.pml", 297);
	trans[0][446]	= settr(445,2,451,87,87,"answered[promised[m]] = 0", 1, 2, 0);
		tr_2_src(87, "view.pml", 297);
	trans[0][449]	= settr(448,2,451,1,0,".(goto)", 1, 2, 0);
	trans[0][447]	= settr(446,2,451,2,0,"else", 1, 2, 0);
	trans[0][451]	= settr(450,2,567,88,88,"promised[m] = 0", 1, 2, 0);
		tr_2_src(88, "view.pml", 430);
	trans[0][452]	= settr(451,2,458,89,0,"(((stood[m]!=0)&&((!(lease[primary[stood[m]]])||(view[primary[stood[m]]]!=stood[m]))||(0==13))))", 1, 2, 0);
		tr_2_src(89, "view.pml", 431);
	T = trans[ 0][458] = settr(457,0,0,0,0,"sub-sequence", 1, 2, 0);
		/* view.pml:295 */
	T->nxt	= settr(457,0,456,0,0,"sub-sequence", 1, 2, 0);
		/* view.pml:295 */
	T = trans[0][456] = settr(455,2,0,0,0,"IF", 1, 2, 0);
		/* view.pml:296 */
	T = T->nxt	= settr(455,2,453,0,0,"IF", 1, 2, 0);
		/* view.pml:296 */
	    T->nxt	= settr(455,2,455,0,0,"IF", 1, 2, 0);
		/* view.pml:296 */
	trans[0][453]	= settr(452,2,454,90,0,"((0!=12))", 1, 2, 0);
		tr_2_src(90, "view.pml", 297);
	trans[0][454]	= settr(453,2,459,91,91,"answered[stood[m]] = 0", 1, 2, 0);
		tr_2_src(91, "view.pml", 297);
	trans[0][457]	= settr(456,2,459,1,0,".(goto)", 1, 2, 0);
	trans[0][455]	= settr(454,2,459,2,0,"else", 1, 2, 0);
	trans[0][459]	= settr(458,2,460,92,92,"stood[m] = 0", 1, 2, 0);
		tr_2_src(92, "view.pml", 433);
	trans[0][460]	= settr(459,2,567,93,93,"held[m] = 0", 1, 2, 0);
		tr_2_src(93, "view.pml", 434);
	trans[0][461]	= settr(460,2,462,94,0,"((soft<1))", 1, 2, 0);
		tr_2_src(94, "view.pml", 436);
	trans[0][462]	= settr(461,2,467,95,95,"soft = (soft+1)", 1, 2, 0);
		tr_2_src(95, "view.pml", 437);
	trans[0][468]	= settr(467,2,467,1,0,".(goto)", 1, 2, 0);
	T = trans[0][467] = settr(466,2,0,0,0,"DO", 1, 2, 0);
		/* view.pml:438 */
	T = T->nxt	= settr(466,2,463,0,0,"DO", 1, 2, 0);
		/* view.pml:438 */
	    T->nxt	= settr(466,2,466,0,0,"DO", 1, 2, 0);
		/* view.pml:438 */
	trans[0][463]	= settr(462,2,464,96,0,"((top[m]>wm[m]))", 1, 2, 0);
		tr_2_src(96, "view.pml", 439);
	trans[0][464]	= settr(463,2,465,97,97,"log[((m*((2+4)+1))+top[m])] = 0", 1, 2, 0);
		tr_2_src(97, "view.pml", 439);
	trans[0][465]	= settr(464,2,467,98,98,"top[m] = (top[m]-1)", 1, 2, 0);
		tr_2_src(98, "view.pml", 439);
	trans[0][466]	= settr(465,2,495,1,0,"goto :b13", 1, 2, 0);
	trans[0][469]	= settr(468,2,495,1,0,"break", 1, 2, 0);
	T = trans[ 0][495] = settr(494,0,0,0,0,"sub-sequence", 1, 2, 0);
		/* view.pml:142 */
	T->nxt	= settr(494,0,473,0,0,"sub-sequence", 1, 2, 0);
		/* view.pml:142 */
	T = trans[0][473] = settr(472,2,0,0,0,"IF", 1, 2, 0);
		/* view.pml:143 */
	T = T->nxt	= settr(472,2,470,0,0,"IF", 1, 2, 0);
		/* view.pml:143 */
	    T->nxt	= settr(472,2,472,0,0,"IF", 1, 2, 0);
		/* view.pml:143 */
	trans[0][470]	= settr(469,2,471,99,0,"((promised[m]!=0))", 1, 2, 0);
		tr_2_src(99, "view.pml", 144);
	trans[0][471]	= settr(470,2,475,100,100,"stood[m] = promised[m]", 1, 2, 0);
		tr_2_src(100, "view.pml", 144);
	trans[0][474]	= settr(473,2,475,1,0,".(goto)", 1, 2, 0);
	trans[0][472]	= settr(471,2,475,2,0,"else", 1, 2, 0);
	trans[0][475]	= settr(474,2,476,101,101,"promised[m] = 0", 1, 2, 0);
		tr_2_src(101, "view.pml", 147);
	trans[0][476]	= settr(475,2,480,102,102,"held[m] = ((0!=2)&&(stood[m]!=0))", 1, 2, 0);
		tr_2_src(102, "view.pml", 148);
	T = trans[0][480] = settr(479,2,0,0,0,"IF", 1, 2, 0);
		/* view.pml:149 */
	T = T->nxt	= settr(479,2,477,0,0,"IF", 1, 2, 0);
		/* view.pml:149 */
	    T->nxt	= settr(479,2,479,0,0,"IF", 1, 2, 0);
		/* view.pml:149 */
	trans[0][477]	= settr(476,2,478,103,0,"(!(held[m]))", 1, 2, 0);
		tr_2_src(103, "view.pml", 150);
	trans[0][478]	= settr(477,2,482,104,104,"stood[m] = 0", 1, 2, 0);
		tr_2_src(104, "view.pml", 150);
	trans[0][481]	= settr(480,2,482,1,0,".(goto)", 1, 2, 0);
	trans[0][479]	= settr(478,2,482,2,0,"else", 1, 2, 0);
	trans[0][482]	= settr(481,2,483,105,105,"lease[m] = 0", 1, 2, 0);
		tr_2_src(105, "view.pml", 153);
	trans[0][483]	= settr(482,2,484,106,106,"serving[m] = 0", 1, 2, 0);
		tr_2_src(106, "view.pml", 154);
	trans[0][484]	= settr(483,2,485,107,107,"half[m] = 0", 1, 2, 0);
		tr_2_src(107, "view.pml", 155);
	trans[0][485]	= settr(484,2,486,108,108,"bound[m] = 0", 1, 2, 0);
		tr_2_src(108, "view.pml", 156);
	trans[0][486]	= settr(485,2,487,109,109,"checked[m] = 0", 1, 2, 0);
		tr_2_src(109, "view.pml", 157);
	trans[0][487]	= settr(486,2,493,110,110,"formed[m] = ( ((formed[m]>region[m])) -> (formed[m]) : (region[m]) )", 1, 2, 0);
		tr_2_src(110, "view.pml", 158);
	T = trans[0][493] = settr(492,2,0,0,0,"IF", 1, 2, 0);
		/* view.pml:159 */
	T = T->nxt	= settr(492,2,488,0,0,"IF", 1, 2, 0);
		/* view.pml:159 */
	    T->nxt	= settr(492,2,490,0,0,"IF", 1, 2, 0);
		/* view.pml:159 */
	trans[0][488]	= settr(487,2,489,111,0,"(((((0==1)&&((primary[formed[m]]==m)||(backup[formed[m]]==m)))&&(formed[m]>0))&&(agreed[m]<=formed[m])))", 1, 2, 0);
		tr_2_src(111, "view.pml", 161);
	trans[0][489]	= settr(488,2,567,112,112,"view[m] = formed[m]", 1, 2, 0);
		tr_2_src(112, "view.pml", 161);
	trans[0][494]	= settr(493,2,567,1,0,".(goto)", 1, 2, 0);
	trans[0][490]	= settr(489,2,491,2,0,"else", 1, 2, 0);
	trans[0][491]	= settr(490,2,492,113,113,"view[m] = 0", 1, 2, 0);
		tr_2_src(113, "view.pml", 162);
	trans[0][492]	= settr(491,2,567,114,114,"fence[m] = agreed[m]", 1, 2, 0);
		tr_2_src(114, "view.pml", 162);
	trans[0][496]	= settr(495,2,497,115,0,"((hard<1))", 1, 2, 0);
		tr_2_src(115, "view.pml", 444);
	trans[0][497]	= settr(496,2,514,116,116,"hard = (hard+1)", 1, 2, 0);
		tr_2_src(116, "view.pml", 445);
	T = trans[ 0][514] = settr(513,0,0,0,0,"sub-sequence", 1, 2, 0);
		/* view.pml:276 */
	T->nxt	= settr(513,0,513,0,0,"sub-sequence", 1, 2, 0);
		/* view.pml:276 */
		tr_2_src(117, "view.pml", 277);
/*->*/	trans[0][513]	= settr(512,34,540,117,117,"D_STEP277", 1, 2, 0);
	T = trans[ 0][540] = settr(539,0,0,0,0,"sub-sequence", 1, 2, 0);
		/* view.pml:142 */
	T->nxt	= settr(539,0,518,0,0,"sub-sequence", 1, 2, 0);
		/* view.pml:142 */
	T = trans[0][518] = settr(517,2,0,0,0,"IF", 1, 2, 0);
		/* view.pml:143 */
	T = T->nxt	= settr(517,2,515,0,0,"IF", 1, 2, 0);
		/* view.pml:143 */
	    T->nxt	= settr(517,2,517,0,0,"IF", 1, 2, 0);
		/* view.pml:143 */
	trans[0][515]	= settr(514,2,516,118,0,"((promised[m]!=0))", 1, 2, 0);
		tr_2_src(118, "view.pml", 144);
	trans[0][516]	= settr(515,2,520,119,119,"stood[m] = promised[m]", 1, 2, 0);
		tr_2_src(119, "view.pml", 144);
	trans[0][519]	= settr(518,2,520,1,0,".(goto)", 1, 2, 0);
	trans[0][517]	= settr(516,2,520,2,0,"else", 1, 2, 0);
	trans[0][520]	= settr(519,2,521,120,120,"promised[m] = 0", 1, 2, 0);
		tr_2_src(120, "view.pml", 147);
	trans[0][521]	= settr(520,2,525,121,121,"held[m] = ((0!=2)&&(stood[m]!=0))", 1, 2, 0);
		tr_2_src(121, "view.pml", 148);
	T = trans[0][525] = settr(524,2,0,0,0,"IF", 1, 2, 0);
		/* view.pml:149 */
	T = T->nxt	= settr(524,2,522,0,0,"IF", 1, 2, 0);
		/* view.pml:149 */
	    T->nxt	= settr(524,2,524,0,0,"IF", 1, 2, 0);
		/* view.pml:149 */
	trans[0][522]	= settr(521,2,523,122,0,"(!(held[m]))", 1, 2, 0);
		tr_2_src(122, "view.pml", 150);
	trans[0][523]	= settr(522,2,527,123,123,"stood[m] = 0", 1, 2, 0);
		tr_2_src(123, "view.pml", 150);
	trans[0][526]	= settr(525,2,527,1,0,".(goto)", 1, 2, 0);
	trans[0][524]	= settr(523,2,527,2,0,"else", 1, 2, 0);
	trans[0][527]	= settr(526,2,528,124,124,"lease[m] = 0", 1, 2, 0);
		tr_2_src(124, "view.pml", 153);
	trans[0][528]	= settr(527,2,529,125,125,"serving[m] = 0", 1, 2, 0);
		tr_2_src(125, "view.pml", 154);
	trans[0][529]	= settr(528,2,530,126,126,"half[m] = 0", 1, 2, 0);
		tr_2_src(126, "view.pml", 155);
	trans[0][530]	= settr(529,2,531,127,127,"bound[m] = 0", 1, 2, 0);
		tr_2_src(127, "view.pml", 156);
	trans[0][531]	= settr(530,2,532,128,128,"checked[m] = 0", 1, 2, 0);
		tr_2_src(128, "view.pml", 157);
	trans[0][532]	= settr(531,2,538,129,129,"formed[m] = ( ((formed[m]>region[m])) -> (formed[m]) : (region[m]) )", 1, 2, 0);
		tr_2_src(129, "view.pml", 158);
	T = trans[0][538] = settr(537,2,0,0,0,"IF", 1, 2, 0);
		/* view.pml:159 */
	T = T->nxt	= settr(537,2,533,0,0,"IF", 1, 2, 0);
		/* view.pml:159 */
	    T->nxt	= settr(537,2,535,0,0,"IF", 1, 2, 0);
		/* view.pml:159 */
	trans[0][533]	= settr(532,2,534,130,0,"(((((0==1)&&((primary[formed[m]]==m)||(backup[formed[m]]==m)))&&(formed[m]>0))&&(agreed[m]<=formed[m])))", 1, 2, 0);
		tr_2_src(130, "view.pml", 161);
	trans[0][534]	= settr(533,2,567,131,131,"view[m] = formed[m]", 1, 2, 0);
		tr_2_src(131, "view.pml", 161);
	trans[0][539]	= settr(538,2,567,1,0,".(goto)", 1, 2, 0);
	trans[0][535]	= settr(534,2,536,2,0,"else", 1, 2, 0);
	trans[0][536]	= settr(535,2,537,132,132,"view[m] = 0", 1, 2, 0);
		tr_2_src(132, "view.pml", 162);
	trans[0][537]	= settr(536,2,567,133,133,"fence[m] = agreed[m]", 1, 2, 0);
		tr_2_src(133, "view.pml", 162);
	trans[0][541]	= settr(540,2,567,2,0,"else", 1, 2, 0);
	T = trans[ 0][567] = settr(566,0,0,0,0,"sub-sequence", 1, 2, 0);
		/* view.pml:117 */
	T->nxt	= settr(566,0,566,0,0,"sub-sequence", 1, 2, 0);
		/* view.pml:117 */
		tr_2_src(134, "view.pml", 118);
/*->*/	trans[0][566]	= settr(565,34,568,134,134,"D_STEP118", 1, 2, 0);
	trans[0][568]	= settr(567,2,569,135,135,"m = 0", 1, 2, 0);
		tr_2_src(135, "view.pml", 451);
	trans[0][569]	= settr(568,0,571,136,136,"v = 0", 1, 2, 0);
		tr_2_src(136, "view.pml", 451);
	trans[0][573]	= settr(572,0,574,1,0,"break", 0, 2, 0);
	trans[0][574]	= settr(573,0,0,137,137,"-end-", 0, 3500, 0);
		tr_2_src(137, "view.pml", 454);
	/* np_ demon: */
	trans[_NP_] = (Trans **) emalloc(3*sizeof(Trans *));
	T = trans[_NP_][0] = settr(9997,0,1,_T5,0,"(np_)", 1,2,0);
	    T->nxt	  = settr(9998,0,0,_T2,0,"(1)",   0,2,0);
	T = trans[_NP_][1] = settr(9999,0,1,_T5,0,"(np_)", 1,2,0);
}

Trans *
settr(	int t_id, int a, int b, int c, int d,
	char *t, int g, int tpe0, int tpe1)
{	Trans *tmp = (Trans *) emalloc(sizeof(Trans));

	tmp->atom  = a&(6|32);	/* only (2|8|32) have meaning */
	if (!g) tmp->atom |= 8;	/* no global references */
	tmp->st    = b;
	tmp->tpe[0] = tpe0;
	tmp->tpe[1] = tpe1;
	tmp->tp    = t;
	tmp->t_id  = t_id;
	tmp->forw  = c;
	tmp->back  = d;
	return tmp;
}

Trans *
cpytr(Trans *a)
{	Trans *tmp = (Trans *) emalloc(sizeof(Trans));

	int i;
	tmp->atom  = a->atom;
	tmp->st    = a->st;
#ifdef HAS_UNLESS
	tmp->e_trans = a->e_trans;
	for (i = 0; i < HAS_UNLESS; i++)
		tmp->escp[i] = a->escp[i];
#endif
	tmp->tpe[0] = a->tpe[0];
	tmp->tpe[1] = a->tpe[1];
	for (i = 0; i < 6; i++)
	{	tmp->qu[i] = a->qu[i];
		tmp->ty[i] = a->ty[i];
	}
	tmp->tp    = (char *) emalloc(strlen(a->tp)+1);
	strcpy(tmp->tp, a->tp);
	tmp->t_id  = a->t_id;
	tmp->forw  = a->forw;
	tmp->back  = a->back;
	return tmp;
}

#ifndef NOREDUCE
int
srinc_set(int n)
{	if (n <= 2) return LOCAL;
	if (n <= 2+  DELTA) return Q_FULL_F; /* 's' or nfull  */
	if (n <= 2+2*DELTA) return Q_EMPT_F; /* 'r' or nempty */
	if (n <= 2+3*DELTA) return Q_EMPT_T; /* empty */
	if (n <= 2+4*DELTA) return Q_FULL_T; /* full  */
	if (n ==   5*DELTA) return GLOBAL;
	if (n ==   6*DELTA) return TIMEOUT_F;
	if (n ==   7*DELTA) return ALPHA_F;
	Uerror("cannot happen srinc_class");
	return BAD;
}
int
srunc(int n, int m)
{	switch(m) {
	case Q_FULL_F: return n-2;
	case Q_EMPT_F: return n-2-DELTA;
	case Q_EMPT_T: return n-2-2*DELTA;
	case Q_FULL_T: return n-2-3*DELTA;
	case ALPHA_F:
	case TIMEOUT_F: return 257; /* non-zero, and > MAXQ */
	}
	Uerror("cannot happen srunc");
	return 0;
}
#endif
int cnt;
#ifdef HAS_UNLESS
int
isthere(Trans *a, int b)
{	Trans *t;
	for (t = a; t; t = t->nxt)
		if (t->t_id == b)
			return 1;
	return 0;
}
#endif
#ifndef NOREDUCE
int
mark_safety(Trans *t) /* for conditional safety */
{	int g = 0, i, j, k;

	if (!t) return 0;
	if (t->qu[0])
		return (t->qu[1])?2:1;	/* marked */

	for (i = 0; i < 2; i++)
	{	j = srinc_set(t->tpe[i]);
		if (j >= GLOBAL && j != ALPHA_F)
			return -1;
		if (j != LOCAL)
		{	k = srunc(t->tpe[i], j);
			if (g == 0
			||  t->qu[0] != k
			||  t->ty[0] != j)
			{	t->qu[g] = k;
				t->ty[g] = j;
				g++;
	}	}	}
	return g;
}
#endif
void
retrans(int n, int m, int is, short srcln[], uchar reach[], uchar lpstate[])
	/* process n, with m states, is=initial state */
{	Trans *T0, *T1, *T2, *T3;
	Trans *T4, *T5; /* t_reverse or has_unless */
	int i;
#if defined(HAS_UNLESS) || !defined(NOREDUCE)
	int k;
#endif
#ifndef NOREDUCE
	int g, h, j, aa;
#endif
#ifdef HAS_UNLESS
	int p;
#endif
	if (state_tables >= 4)
	{	printf("STEP 1 %s\n", 
			procname[n]);
		for (i = 1; i < m; i++)
		for (T0 = trans[n][i]; T0; T0 = T0->nxt)
			crack(n, i, T0, srcln);
		return;
	}
	do {
		for (i = 1, cnt = 0; i < m; i++)
		{	T2 = trans[n][i];
			T1 = T2?T2->nxt:(Trans *)0;
/* prescan: */		for (T0 = T1; T0; T0 = T0->nxt)
/* choice in choice */	{	if (T0->st && trans[n][T0->st]
				&&  trans[n][T0->st]->nxt)
					break;
			}
#if 0
		if (T0)
		printf("\tstate %d / %d: choice in choice\n",
		i, T0->st);
#endif
			if (T0)
			for (T0 = T1; T0; T0 = T0->nxt)
			{	T3 = trans[n][T0->st];
				if (!T3->nxt)
				{	T2->nxt = cpytr(T0);
					T2 = T2->nxt;
					imed(T2, T0->st, n, i);
					continue;
				}
				do {	T3 = T3->nxt;
					T2->nxt = cpytr(T3);
					T2 = T2->nxt;
					imed(T2, T0->st, n, i);
				} while (T3->nxt);
				cnt++;
			}
		}
	} while (cnt);
	if (state_tables >= 3)
	{	printf("STEP 2 %s\n", 
			procname[n]);
		for (i = 1; i < m; i++)
		for (T0 = trans[n][i]; T0; T0 = T0->nxt)
			crack(n, i, T0, srcln);
		return;
	}
	for (i = 1; i < m; i++)
	{	if (trans[n][i] && trans[n][i]->nxt) /* optimize */
		{	T1 = trans[n][i]->nxt;
#if 0
			printf("\t\tpull %d (%d) to %d\n",
			T1->st, T1->forw, i);
#endif
			srcln[i] = srcln[T1->st];	/* Oyvind Teig, 5.2.0 */

			if (!trans[n][T1->st]) continue;
			T0 = cpytr(trans[n][T1->st]);
			trans[n][i] = T0;
			reach[T1->st] = 1;
			imed(T0, T1->st, n, i);
			for (T1 = T1->nxt; T1; T1 = T1->nxt)
			{
#if 0
			printf("\t\tpull %d (%d) to %d\n",
				T1->st, T1->forw, i);
#endif
		/*		srcln[i] = srcln[T1->st];  gh: not useful */
				if (!trans[n][T1->st]) continue;
				T0->nxt = cpytr(trans[n][T1->st]);
				T0 = T0->nxt;
				reach[T1->st] = 1;
				imed(T0, T1->st, n, i);
	}	}	}
	if (state_tables >= 2)
	{	printf("STEP 3 %s\n", 
			procname[n]);
		for (i = 1; i < m; i++)
		for (T0 = trans[n][i]; T0; T0 = T0->nxt)
			crack(n, i, T0, srcln);
		return;
	}
#ifdef HAS_UNLESS
	for (i = 1; i < m; i++)
	{	if (!trans[n][i]) continue;
		/* check for each state i if an
		 * escape to some state p is defined
		 * if so, copy and mark p's transitions
		 * and prepend them to the transition-
		 * list of state i
		 */
	 if (!like_java) /* the default */
	 {	for (T0 = trans[n][i]; T0; T0 = T0->nxt)
		for (k = HAS_UNLESS-1; k >= 0; k--)
		{	if (p = T0->escp[k])
			for (T1 = trans[n][p]; T1; T1 = T1->nxt)
			{	if (isthere(trans[n][i], T1->t_id))
					continue;
				T2 = cpytr(T1);
				T2->e_trans = p;
				T2->nxt = trans[n][i];
				trans[n][i] = T2;
		}	}
	 } else /* outermost unless checked first */
	 {	T4 = T3 = (Trans *) 0;
		for (T0 = trans[n][i]; T0; T0 = T0->nxt)
		for (k = HAS_UNLESS-1; k >= 0; k--)
		{	if (p = T0->escp[k])
			for (T1 = trans[n][p]; T1; T1 = T1->nxt)
			{	if (isthere(trans[n][i], T1->t_id))
					continue;
				T2 = cpytr(T1);
				T2->nxt = (Trans *) 0;
				T2->e_trans = p;
				if (T3)	T3->nxt = T2;
				else	T4 = T2;
				T3 = T2;
		}	}
		if (T4)
		{	T3->nxt = trans[n][i];
			trans[n][i] = T4;
		}
	 }
	}
#endif
#ifndef NOREDUCE
	for (i = 1; i < m; i++)
	{	if (a_cycles)
		{ /* moves through these states are visible */
	#if PROG_LAB>0 && defined(HAS_NP)
			if (progstate[n][i])
				goto degrade;
			for (T1 = trans[n][i]; T1; T1 = T1->nxt)
				if (progstate[n][T1->st])
					goto degrade;
	#endif
			if (accpstate[n][i] || visstate[n][i])
				goto degrade;
			for (T1 = trans[n][i]; T1; T1 = T1->nxt)
				if (accpstate[n][T1->st])
					goto degrade;
		}
		T1 = trans[n][i];
		if (!T1) continue;
		g = mark_safety(T1);	/* V3.3.1 */
		if (g < 0) goto degrade; /* global */
		/* check if mixing of guards preserves reduction */
		if (T1->nxt)
		{	k = 0;
			for (T0 = T1; T0; T0 = T0->nxt)
			{	if (!(T0->atom&8))
					goto degrade;
				for (aa = 0; aa < 2; aa++)
				{	j = srinc_set(T0->tpe[aa]);
					if (j >= GLOBAL && j != ALPHA_F)
						goto degrade;
					if (T0->tpe[aa]
					&&  T0->tpe[aa]
					!=  T1->tpe[0])
						k = 1;
			}	}
			/* g = 0;	V3.3.1 */
			if (k)	/* non-uniform selection */
			for (T0 = T1; T0; T0 = T0->nxt)
			for (aa = 0; aa < 2; aa++)
			{	j = srinc_set(T0->tpe[aa]);
				if (j != LOCAL)
				{	k = srunc(T0->tpe[aa], j);
					for (h = 0; h < 6; h++)
						if (T1->qu[h] == k
						&&  T1->ty[h] == j)
							break;
					if (h >= 6)
					{	T1->qu[g%6] = k;
						T1->ty[g%6] = j;
						g++;
			}	}	}
			if (g > 6)
			{	T1->qu[0] = 0;	/* turn it off */
				printf("pan: warning, line %d, ",
					srcln[i]);
			 	printf("too many stmnt types (%d)",
					g);
			  	printf(" in selection\n");
			  goto degrade;
			}
		}
		/* mark all options global if >=1 is global */
		for (T1 = trans[n][i]; T1; T1 = T1->nxt)
			if (!(T1->atom&8)) break;
		if (T1)
degrade:	for (T1 = trans[n][i]; T1; T1 = T1->nxt)
			T1->atom &= ~8;	/* mark as unsafe */
		/* can only mix 'r's or 's's if on same chan */
		/* and not mixed with other local operations */
		T1 = trans[n][i];
		if (!T1 || T1->qu[0]) continue;
		j = T1->tpe[0];
		if (T1->nxt && T1->atom&8)
		{ if (j == 5*DELTA)
		  {	printf("warning: line %d ", srcln[i]);
			printf("mixed condition ");
			printf("(defeats reduction)\n");
			goto degrade;
		  }
		  for (T0 = T1; T0; T0 = T0->nxt)
		  for (aa = 0; aa < 2; aa++)
		  if  (T0->tpe[aa] && T0->tpe[aa] != j)
		  {	printf("warning: line %d ", srcln[i]);
			printf("[%d-%d] mixed %stion ",
				T0->tpe[aa], j, 
				(j==5*DELTA)?"condi":"selec");
			printf("(defeats reduction)\n");
			printf("	'%s' <-> '%s'\n",
				T1->tp, T0->tp);
			goto degrade;
		} }
	}
#endif
	for (i = 1; i < m; i++)
	{	T2 = trans[n][i];
		if (!T2
		||  T2->nxt
		||  strncmp(T2->tp, ".(goto)", 7)
		||  !stopstate[n][i])
			continue;
		stopstate[n][T2->st] = 1;
	}
	if (state_tables && !verbose)
	{	if (dodot)
		{	char buf[256], *q = buf, *p = procname[n];
			while (*p != '\0')
			{	if (*p != ':')
				{	*q++ = *p;
				}
				p++;
			}
			*q = '\0';
			printf("digraph ");
			switch (Btypes[n]) {
			case I_PROC:  printf("init {\n"); break;
			case N_CLAIM: printf("claim_%s {\n", buf); break;
			case E_TRACE: printf("notrace {\n"); break;
			case N_TRACE: printf("trace {\n"); break;
			default:      printf("p_%s {\n", buf); break;
			}
			printf("size=\"8,10\";\n");
			printf("  GT [shape=box,style=dotted,label=\"%s\"];\n", buf);
			printf("  GT -> S%d;\n", is);
		} else
		{	switch (Btypes[n]) {
			case I_PROC:  printf("init\n"); break;
			case N_CLAIM: printf("claim %s\n", procname[n]); break;
			case E_TRACE: printf("notrace assertion\n"); break;
			case N_TRACE: printf("trace assertion\n"); break;
			default:      printf("proctype %s\n", procname[n]); break;
		}	}
		for (i = 1; i < m; i++)
		{	reach[i] = 1;
		}
		tagtable(n, m, is, srcln, reach);
		if (dodot) printf("}\n");
	} else
	for (i = 1; i < m; i++)
	{	int nrelse;
		if (Btypes[n] != N_CLAIM)
		{	for (T0 = trans[n][i]; T0; T0 = T0->nxt)
			{	if (T0->st == i
				&& strcmp(T0->tp, "(1)") == 0)
				{	printf("error: proctype '%s' ",
						procname[n]);
		  			printf("line %d, state %d: has un",
						srcln[i], i);
					printf("conditional self-loop\n");
					pan_exit(1);
		}	}	}
		nrelse = 0;
		for (T0 = trans[n][i]; T0; T0 = T0->nxt)
		{	if (strcmp(T0->tp, "else") == 0)
				nrelse++;
		}
		if (nrelse > 1)
		{	printf("error: proctype '%s' state",
				procname[n]);
		  	printf(" %d, inherits %d", i, nrelse);
		  	printf(" 'else' stmnts\n");
			pan_exit(1);
	}	}
#if !defined(LOOPSTATE) && !defined(BFS_PAR)
	if (state_tables)
#endif
	do_dfs(n, m, is, srcln, reach, lpstate);

	if (!t_reverse)
	{	return;
	}
	/* process n, with m states, is=initial state -- reverse list */
	if (!state_tables && Btypes[n] != N_CLAIM)
	{	for (i = 1; i < m; i++)
		{	Trans *Tx = (Trans *) 0; /* list of escapes */
			Trans *Ty = (Trans *) 0; /* its tail element */
			T1 = (Trans *) 0; /* reversed list */
			T2 = (Trans *) 0; /* its tail */
			T3 = (Trans *) 0; /* remembers possible 'else' */

			/* find unless-escapes, they should go first */
			T4 = T5 = T0 = trans[n][i];
	#ifdef HAS_UNLESS
			while (T4 && T4->e_trans) /* escapes are first in orig list */
			{	T5 = T4;	  /* remember predecessor */
				T4 = T4->nxt;
			}
	#endif
			/* T4 points to first non-escape, T5 to its parent, T0 to original list */
			if (T4 != T0)		 /* there was at least one escape */
			{	T3 = T5->nxt;		 /* start of non-escapes */
				T5->nxt = (Trans *) 0;	 /* separate */
				Tx = T0;		 /* start of the escapes */
				Ty = T5;		 /* its tail */
				T0 = T3;		 /* the rest, to be reversed */
			}
			/* T0 points to first non-escape, Tx to the list of escapes, Ty to its tail */

			/* first tail-add non-escape transitions, reversed */
			T3 = (Trans *) 0;
			for (T5 = T0; T5; T5 = T4)
			{	T4 = T5->nxt;
	#ifdef HAS_UNLESS
				if (T5->e_trans)
				{	printf("error: cannot happen!\n");
					continue;
				}
	#endif
				if (strcmp(T5->tp, "else") == 0)
				{	T3 = T5;
					T5->nxt = (Trans *) 0;
				} else
				{	T5->nxt = T1;
					if (!T1) { T2 = T5; }
					T1 = T5;
			}	}
			/* T3 points to a possible else, which is removed from the list */
			/* T1 points to the reversed list so far (without escapes) */
			/* T2 points to the tail element -- where the else should go */
			if (T2 && T3)
			{	T2->nxt = T3;	/* add else */
			} else
			{	if (T3) /* there was an else, but there's no tail */
				{	if (!T1)	/* and no reversed list */
					{	T1 = T3; /* odd, but possible */
					} else		/* even stranger */
					{	T1->nxt = T3;
			}	}	}

			/* add in the escapes, to that they appear at the front */
			if (Tx && Ty) { Ty->nxt = T1; T1 = Tx; }

			trans[n][i] = T1;
			/* reversed, with escapes first and else last */
	}	}
	if (state_tables && verbose)
	{	printf("FINAL proctype %s\n", 
			procname[n]);
		for (i = 1; i < m; i++)
		for (T0 = trans[n][i]; T0; T0 = T0->nxt)
			crack(n, i, T0, srcln);
	}
}
void
imed(Trans *T, int v, int n, int j)	/* set intermediate state */
{	progstate[n][T->st] |= progstate[n][v];
	accpstate[n][T->st] |= accpstate[n][v];
	stopstate[n][T->st] |= stopstate[n][v];
	mapstate[n][j] = T->st;
}
void
tagtable(int n, int m, int is, short srcln[], uchar reach[])
{	Trans *z;

	if (is >= m || !trans[n][is]
	||  is <= 0 || reach[is] == 0)
		return;
	reach[is] = 0;
	if (state_tables)
	for (z = trans[n][is]; z; z = z->nxt)
	{	if (dodot)
			dot_crack(n, is, z);
		else
			crack(n, is, z, srcln);
	}

	for (z = trans[n][is]; z; z = z->nxt)
	{
#ifdef HAS_UNLESS
		int i, j;
#endif
		tagtable(n, m, z->st, srcln, reach);
#ifdef HAS_UNLESS
		for (i = 0; i < HAS_UNLESS; i++)
		{	j = trans[n][is]->escp[i];
			if (!j) break;
			tagtable(n, m, j, srcln, reach);
		}
#endif
	}
}

extern Trans *t_id_lkup[];

void
dfs_table(int n, int m, int is, short srcln[], uchar reach[], uchar lpstate[])
{	Trans *z;

	if (is >= m || is <= 0 || !trans[n][is])
		return;
	if ((reach[is] & (4|8|16)) != 0)
	{	if ((reach[is] & (8|16)) == 16)	/* on stack, not yet recorded */
		{	lpstate[is] = 1;
			reach[is] |= 8; /* recorded */
			if (state_tables && verbose)
			{	printf("state %d line %d is a loopstate\n", is, srcln[is]);
		}	}
		return;
	}
	reach[is] |= (4|16);	/* visited | onstack */
	for (z = trans[n][is]; z; z = z->nxt)
	{	t_id_lkup[z->t_id] = z;
#ifdef HAS_UNLESS
		int i, j;
#endif
		dfs_table(n, m, z->st, srcln, reach, lpstate);
#ifdef HAS_UNLESS
		for (i = 0; i < HAS_UNLESS; i++)
		{	j = trans[n][is]->escp[i];
			if (!j) break;
			dfs_table(n, m, j, srcln, reach, lpstate);
		}
#endif
	}
	reach[is] &= ~16; /* no longer on stack */
}
void
do_dfs(int n, int m, int is, short srcln[], uchar reach[], uchar lpstate[])
{	int i;
	dfs_table(n, m, is, srcln, reach, lpstate);
	for (i = 0; i < m; i++)
		reach[i] &= ~(4|8|16);
}
void
crack(int n, int j, Trans *z, short srcln[])
{	int i;

	if (!z) return;
	printf("	state %3d -(tr %3d)-> state %3d  ",
		j, z->forw, z->st);
	printf("[id %3d tp %3d", z->t_id, z->tpe[0]);
	if (z->tpe[1]) printf(",%d", z->tpe[1]);
#ifdef HAS_UNLESS
	if (z->e_trans)
		printf(" org %3d", z->e_trans);
	else if (state_tables >= 2)
	for (i = 0; i < HAS_UNLESS; i++)
	{	if (!z->escp[i]) break;
		printf(" esc %d", z->escp[i]);
	}
#endif
	printf("]");
	printf(" [%s%s%s%s%s] %s:%d => ",
		z->atom&6?"A":z->atom&32?"D":"-",
		accpstate[n][j]?"a" :"-",
		stopstate[n][j]?"e" : "-",
		progstate[n][j]?"p" : "-",
		z->atom & 8 ?"L":"G",
		PanSource, srcln[j]);
	for (i = 0; z->tp[i]; i++)
		if (z->tp[i] == '\n')
			printf("\\n");
		else
			putchar(z->tp[i]);
	if (verbose && z->qu[0])
	{	printf("\t[");
		for (i = 0; i < 6; i++)
			if (z->qu[i])
				printf("(%d,%d)",
				z->qu[i], z->ty[i]);
		printf("]");
	}
	printf("\n");
	fflush(stdout);
}
/* spin -a m.pml; cc -o pan pan.c; ./pan -D | dot -Tps > foo.ps; ps2pdf foo.ps */
void
dot_crack(int n, int j, Trans *z)
{	int i;

	if (!z) return;
	printf("	S%d -> S%d  [color=black", j, z->st);

	if (z->atom&6) printf(",style=dashed");
	else if (z->atom&32) printf(",style=dotted");
	else if (z->atom&8) printf(",style=solid");
	else printf(",style=bold");

	printf(",label=\"");
	for (i = 0; z->tp[i]; i++)
	{	if (z->tp[i] == '\\'
		&&  z->tp[i+1] == 'n')
		{	i++; printf(" ");
		} else
		{	putchar(z->tp[i]);
	}	}
	printf("\"];\n");
	if (accpstate[n][j]) printf("  S%d [color=red,style=bold];\n", j);
	else if (progstate[n][j]) printf("  S%d [color=green,style=bold];\n", j);
	if (stopstate[n][j]) printf("  S%d [color=blue,style=bold,shape=box];\n", j);
}

#ifdef VAR_RANGES
#define BYTESIZE	32	/* 2^8 : 2^3 = 256:8 = 32 */

typedef struct Vr_Ptr {
	char	*nm;
	uchar	vals[BYTESIZE];
	struct Vr_Ptr *nxt;
} Vr_Ptr;
Vr_Ptr *ranges = (Vr_Ptr *) 0;

void
logval(char *s, int v)
{	Vr_Ptr *tmp;

	if (v<0 || v > 255) return;
	for (tmp = ranges; tmp; tmp = tmp->nxt)
		if (!strcmp(tmp->nm, s))
			goto found;
	tmp = (Vr_Ptr *) emalloc(sizeof(Vr_Ptr));
	tmp->nxt = ranges;
	ranges = tmp;
	tmp->nm = s;
found:
	tmp->vals[(v)/8] |= 1<<((v)%8);
}

void
dumpval(uchar X[], int range)
{	int w, x, i, j = -1;

	for (w = i = 0; w < range; w++)
	for (x = 0; x < 8; x++, i++)
	{
from:		if ((X[w] & (1<<x)))
		{	printf("%d", i);
			j = i;
			goto upto;
	}	}
	return;
	for (w = 0; w < range; w++)
	for (x = 0; x < 8; x++, i++)
	{
upto:		if (!(X[w] & (1<<x)))
		{	if (i-1 == j)
				printf(", ");
			else
				printf("-%d, ", i-1);
			goto from;
	}	}
	if (j >= 0 && j != 255)
		printf("-255");
}

void
dumpranges(void)
{	Vr_Ptr *tmp;
	printf("\nValues assigned within ");
	printf("interval [0..255]:\n");
	for (tmp = ranges; tmp; tmp = tmp->nxt)
	{	printf("\t%s\t: ", tmp->nm);
		dumpval(tmp->vals, BYTESIZE);
		printf("\n");
	}
}
#endif
